// A certified OpenID provider with two forms, for tests. Reads {port, clients, people} from its first argument.
import { createRequire } from "node:module";
const require = createRequire(process.cwd() + "/");
const { Provider } = await import(require.resolve("oidc-provider"));

const { port, clients, people } = JSON.parse(process.argv[2]);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  cookies: { keys: ["for tests only"] },
  pkce: { required: () => true },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups"] },
  findAccount: (_ctx, id) => (people[id] ? { accountId: id, claims: () => ({ sub: id, ...people[id] }) } : undefined),
});
provider.listen(port, "127.0.0.1", () => console.log("ready"));
