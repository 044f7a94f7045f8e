// A program that uses Daytona: it runs code in the context whose id is its second argument. Daytona's service, which would
// tell it the address of a sandbox's server, tells the daemon's, its first argument.
import { Daytona } from "@daytonaio/sdk";
import { SANDBOX, service } from "./daytona_service.mjs";

const daytona = new Daytona({ apiKey: "key", apiUrl: await service(process.argv[2]) });
const { codeInterpreter } = await daytona.get(SANDBOX);
const context = (await codeInterpreter.listContexts()).find(({ id }) => id === process.argv[3]);
const result = await codeInterpreter.runCode("seen.append('Daytona')\nprint(*seen, sep=', ')", { context });
process.stdout.write(result.stdout, () => process.exit(0));
