/*
 * LAME 3.100 as one translation unit, so that the compiler sees all of it, with one table as the only symbol that other
 * objects see: builds for several kinds of CPU stand side by side in one program. Compiled by ../build.rs, which
 * names the table; the sources are those of the crate mp3lame-sys with lame.patch. Needs GCC's -fwhole-program.
 */

/* What LAME's configure script would find out, as far as the encoder looks at it. */
#define _GNU_SOURCE 1
#define HAVE_ERRNO_H 1
#define HAVE_LIMITS_H 1
#define HAVE_STDINT_H 1
#define HAVE_STRING_H 1
#define LAME_LIBRARY_BUILD 1
#define PACKAGE "lame"
#define STDC_HEADERS 1
#define TAKEHIRO_IEEE754_HACK 1
#define USE_FAST_LOG 1
typedef float ieee754_float32_t;
typedef double ieee754_float64_t;
typedef long double ieee854_float80_t;
#ifdef __SSE2__
#define HAVE_XMMINTRIN_H 1
#define MIN_ARCH_SSE 1
#endif

/* First, so that the patched one of two is found. */
#include "lame.h"
#include "machine.h"
#include "encoder.h"
#include "util.h"
#include "quantize_pvt.h"

#include "bitstream.c"
#include "encoder.c"
#include "fft.c"
#include "gain_analysis.c"
#include "id3tag.c"
#include "lame.c"
#include "newmdct.c"
#include "psymodel.c"
#include "quantize.c"
#include "quantize_pvt.c"
#include "reservoir.c"
#include "set_get.c"
#include "tables.c"
#include "takehiro.c"
#include "util.c"
#include "VbrTag.c"
#include "version.c"

/* Names that two files use for different things. */
#define costab costab_sse
#include "vector/xmm_quantize_sub.c"
#undef costab
#define fi_union vbr_fi_union
#undef MAGIC_FLOAT
#undef MAGIC_INT
#include "vbrquantize.c"
#include "presets.c"

/* Makes the encoder go on with the padding of constant bit rates as if `frames` frames lay behind it. */
static void skip_frames(lame_global_flags *encoder, unsigned long frames)
{
    EncStateVar_t *const state = &encoder->internal_flags->sv_enc;
    int const rate = encoder->internal_flags->cfg.samplerate_out;
    long long const spent = (long long) (frames % (unsigned) rate) * state->frac_SpF % rate;

    state->slot_lag -= (int) spent;
    if (state->slot_lag < 0)
        state->slot_lag += rate;
}

struct lame_table {
    lame_global_flags *(*init)(void);
    int (*close)(lame_global_flags *);
    int (*set_in_samplerate)(lame_global_flags *, int);
    int (*set_out_samplerate)(lame_global_flags *, int);
    int (*set_num_channels)(lame_global_flags *, int);
    int (*set_quality)(lame_global_flags *, int);
    int (*set_write_tag)(lame_global_flags *, int);
    int (*set_disable_reservoir)(lame_global_flags *, int);
    int (*set_vbr)(lame_global_flags *, vbr_mode);
    int (*set_vbr_quality)(lame_global_flags *, int);
    int (*set_cbr_kbits)(lame_global_flags *, int);
    int (*set_abr_kbits)(lame_global_flags *, int);
    int (*init_params)(lame_global_flags *);
    void (*skip_frames)(lame_global_flags *, unsigned long);
    int (*encode_mono)(lame_t, const float *, const float *, int, unsigned char *, int);
    int (*encode_stereo)(lame_t, const float *, int, unsigned char *, int);
    int (*flush)(lame_global_flags *, unsigned char *, int);
    int (*flush_bits)(lame_global_flags *, unsigned char *, int);
    size_t (*tag_frame)(const lame_global_flags *, unsigned char *, size_t);
};

__attribute__((externally_visible)) extern const struct lame_table LAME_TABLE;
const struct lame_table LAME_TABLE = {
    lame_init,
    lame_close,
    lame_set_in_samplerate,
    lame_set_out_samplerate,
    lame_set_num_channels,
    lame_set_quality,
    lame_set_bWriteVbrTag,
    lame_set_disable_reservoir,
    lame_set_VBR,
    lame_set_VBR_q,
    lame_set_brate,
    lame_set_VBR_mean_bitrate_kbps,
    lame_init_params,
    skip_frames,
    lame_encode_buffer_ieee_float,
    lame_encode_buffer_interleaved_ieee_float,
    lame_encode_flush,
    lame_encode_flush_nogap,
    lame_get_lametag_frame,
};
