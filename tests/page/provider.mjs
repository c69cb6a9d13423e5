// An OpenID provider (the certified one of npm's `oidc-provider`) on a port of its own: whoever logs in is NAME@example.org.
//
//   node provider.mjs FOLDER     of node_modules; prints its issuer, then reads its redirect URI from its input

import { createServer } from "node:http";
import { createInterface } from "node:readline";

const { Provider } = await import(`${process.argv[2]}/node_modules/oidc-provider/lib/index.js`);

const server = createServer().listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  console.log(issuer);
  createInterface({ input: process.stdin }).once("line", (back) => {
    const provider = new Provider(issuer, {
      clients: [{ client_id: "tapedeck", client_secret: "secret", redirect_uris: [back] }],
      claims: { openid: ["sub"], email: ["email", "email_verified"] },
      findAccount: (_, name) => ({
        accountId: name,
        claims: () => ({ sub: name, email: `${name}@example.org`, email_verified: true }),
      }),
    });
    server.on("request", provider.callback());
    console.log("ready");
  });
});
