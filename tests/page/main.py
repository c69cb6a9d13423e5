"""Runs the tests of the page: all, or those whose names hold one of the words given."""

import sys
import unittest

import test_account
import test_destinations
import test_entry
import test_install
import test_jobs
import test_looks
import test_oidc
import test_player
import test_upload
import world

MODULES = [test_entry, test_upload, test_jobs, test_player, test_account, test_destinations, test_install, test_looks, test_oidc]


def main():
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{word}*" for word in sys.argv[1:]] or None
    suite = unittest.TestSuite(loader.loadTestsFromModule(module) for module in MODULES)
    try:
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    finally:
        world.end()
    # A run that found nothing to test is no success.
    sys.exit(not (result.wasSuccessful() and result.testsRun))


if __name__ == "__main__":
    main()
