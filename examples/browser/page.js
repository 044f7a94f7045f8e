// Runs code over a WebSocket, GET /process/interpreter/session of PROTOCOL.md: one socket a run, closed at its end.
// What a program says is text, here and in the page: only ever put into textContent and text nodes. Its HTML is shown in
// a frame of its own, in which no script runs.
"use strict";

const SHOWN_CHARS = 200_000; // of each stream; beyond it the oldest go
const SHOWN_RESULTS = 100; // beyond it the oldest go
const ENDINGS = new Set(["completed", "interrupted", "cancelled", "refused"]);

const element = (id) => document.getElementById(id);
const [form, code, runButton, interruptButton] = ["form", "code", "run", "interrupt"].map(element);
let interrupt = () => {};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!runButton.disabled) run(element("daemon").value, code.value);
});
code.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey) form.requestSubmit();
});
interruptButton.addEventListener("click", () => interrupt());

function run(daemon, text) {
  const path = daemon.replace(/^http/, "ws").replace(/\/+$/, "") + "/process/interpreter/session";
  let socket;
  try {
    socket = new WebSocket(path);
  } catch (error) {
    return tell(`no URL of a daemon: ${error.message}`);
  }
  element("results").replaceChildren();
  const show = { stdout: emptied("stdout"), stderr: emptied("stderr"), error: emptied("error") };
  runButton.disabled = true;
  tell("connecting");

  let ending = null;
  let executionId = null;
  interrupt = () => socket.send(JSON.stringify({ op: "interrupt", requestId: "interrupt", executionId }));

  // Whoever closes the page does not leave a loop running.
  const request = { op: "execute", requestId: "run", code: text, onDisconnect: "interrupt" };
  socket.onopen = () => socket.send(JSON.stringify(request));
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.requestId !== "run") return;
    if (message.executionId !== undefined && executionId === null) {
      executionId = message.executionId;
      interruptButton.disabled = false;
    }
    switch (message.type) {
      case "stdout":
      case "stderr":
        show[message.type](message.text);
        break;
      case "result":
      case "display":
        place(message);
        break;
      case "updateDisplay":
        for (const shown of element("results").children) {
          if (shown.dataset.displayId === message.displayId) shown.replaceWith(made(message));
        }
        break;
      case "clearOutput":
        element("results").replaceChildren();
        break;
      case "error":
        show.error(message.traceback);
        if (!message.traceback.includes(message.name)) show.error(`${message.name}: ${message.value}\n`); // a timeout
        break;
      case "control":
        if (ENDINGS.has(message.text)) {
          ending = message.text;
          socket.close();
        } else {
          tell(message.text === "started" ? "running" : message.text);
        }
    }
  };
  // A browser does not tell a page why there was no connection.
  const reason = `no connection: is the daemon there, and started with --allow-origin ${location.origin}?`;
  socket.onclose = () => {
    interruptButton.disabled = true;
    runButton.disabled = false;
    tell(ending ?? (executionId === null ? reason : "the connection was lost"));
  };
}

function place(message) {
  const results = element("results");
  if (results.children.length >= SHOWN_RESULTS) results.firstChild.remove();
  results.append(made(message));
}

// Returns an element that shows a result: a picture, a table or other HTML, or its text.
function made({ data, displayId }) {
  const picture = ["image/png", "image/jpeg"].find((type) => type in data);
  let shown;
  if (picture !== undefined) {
    shown = document.createElement("img");
    shown.alt = data["text/plain"] ?? "a picture";
    shown.src = `data:${picture};base64,${data[picture]}`;
  } else if ("text/html" in data) {
    shown = document.createElement("iframe");
    shown.setAttribute("sandbox", ""); // no scripts, no access to this page
    shown.title = "a table";
    shown.srcdoc = data["text/html"];
  } else {
    shown = document.createElement("pre");
    shown.textContent = data["text/plain"] ?? "";
  }
  if (displayId !== undefined) shown.dataset.displayId = displayId;
  return shown;
}

function tell(text) {
  element("status").textContent = text;
}

// Empties a pane; returns what adds text to it.
function emptied(id) {
  const pane = element(id);
  let chars = 0;
  pane.replaceChildren();
  return (text) => {
    pane.append(text); // a string becomes a text node, never markup
    for (chars += text.length; chars > SHOWN_CHARS; pane.firstChild.remove()) chars -= pane.firstChild.length;
  };
}
