// Stands for Daytona's own service, which tells its SDKs the address of a sandbox's server: here that of a daemon. The
// SDKs put the sandbox's id after it, so the daemon's base path is this id.
import { createServer } from "node:http";

export const SANDBOX = "sandbox-1";

export async function service(daemon) {
  const server = createServer((request, answer) => {
    const body = { id: SANDBOX, name: SANDBOX, state: "started", toolboxProxyUrl: daemon, labels: {}, env: {} };
    answer.writeHead(200, { "Content-Type": "application/json" });
    answer.end(JSON.stringify(body));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return `http://127.0.0.1:${server.address().port}`;
}
