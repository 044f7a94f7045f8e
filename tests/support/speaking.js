// What `by_node` of speaking.py runs: one connection by Node's ws. A task is read as JSON, and the result is written so.
const WebSocket = require("ws");
const task = JSON.parse(require("fs").readFileSync(0));
const result = { ponged: false, messages: [] };
const socket = new WebSocket(task.url);

socket.on("open", () => {
    socket.ping(task.ping);
    task.say.forEach((text) => socket.send(text));
});
socket.on("pong", (data) => { result.ponged = data.toString() === task.ping; });
socket.on("message", (data, isBinary) => {
    const text = data.toString();
    result.messages.push(isBinary ? null : text);
    if (task.until !== null && text.includes(task.until)) socket.close(1000);
});
socket.on("close", (code, reason) => {
    process.stdout.write(JSON.stringify({ ...result, code, reason: reason.toString() }));
});
