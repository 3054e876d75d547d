// Two unchanged y-websocket providers and a third with offline edits, in one pad of the real server.
// Usage: node pad-stock-client.mjs WEBSOCKET_URL PAD TOKEN (the server's authority in NODE_EXTRA_CA_CERTS).
import * as Y from "yjs";
import { WebsocketProvider } from "y-websocket";
import WebSocket from "ws";

const [url, pad, token] = process.argv.slice(2);

/** Resolves when `holds` does; awaits events of the emitters instead of asking again and again. */
function until(what, holds, emitters) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (!holds()) return;
      clearTimeout(limit);
      for (const [emitter, event] of emitters) emitter.off(event, look);
      resolve();
    };
    const limit = setTimeout(() => reject(new Error(`did not happen: ${what}`)), 20_000);
    for (const [emitter, event] of emitters) emitter.on(event, look);
    look();
  });
}

function open() {
  const doc = new Y.Doc();
  const provider = new WebsocketProvider(url, pad, doc, {
    params: { token },
    WebSocketPolyfill: WebSocket,
    disableBc: true,
  });
  return { doc, provider, text: doc.getText("t"), xml: doc.getXmlFragment("x") };
}

const a = open();
const b = open();
await until("both synced", () => a.provider.synced && b.provider.synced, [
  [a.provider, "sync"],
  [b.provider, "sync"],
]);

a.text.insert(0, "Hallo ");
b.text.insert(0, "Welt 😀 ");
const paragraph = new Y.XmlElement("paragraph");
a.xml.insert(0, [paragraph]);
paragraph.insert(0, [new Y.XmlText("Absatz")]);
const same = () =>
  a.text.toString() === b.text.toString() &&
  a.text.length === "Hallo Welt 😀 ".length &&
  b.xml.toString() === "<paragraph>Absatz</paragraph>";
await until("live edits merged", same, [
  [a.doc, "update"],
  [b.doc, "update"],
]);

a.provider.awareness.setLocalStateField("user", { name: "Ada", color: "#123456" });
const sees = () => [...b.provider.awareness.getStates().values()].some((state) => state.user?.name === "Ada");
await until("a cursor is seen", sees, [[b.provider.awareness, "change"]]);

b.provider.disconnect();
b.text.insert(0, "offline ");
b.text.delete(8, 2);
b.xml.delete(0, 1);
a.text.insert(a.text.length, "inzwischen");
b.provider.connect();
const merged = () =>
  a.text.toString() === b.text.toString() &&
  a.text.toString().includes("offline ") &&
  b.text.toString().includes("inzwischen") &&
  a.xml.length === 0;
await until("offline edits merged", merged, [
  [a.doc, "update"],
  [b.doc, "update"],
]);

const late = open();
await until("a late one has all", () => late.text.toString() === a.text.toString(), [[late.doc, "update"]]);

b.provider.destroy();
const gone = () => !a.provider.awareness.getStates().has(b.doc.clientID);
await until("who left is not shown", gone, [[a.provider.awareness, "change"]]);
a.provider.destroy();
late.provider.destroy();
console.log(`merged ${JSON.stringify(a.text.toString())}`);
process.exit(0);
