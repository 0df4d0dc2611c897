// Plays a recorded session (shared/tests/session/README.md) through the WebAssembly client of any game: the state must be
// the recording's after every message. In node by itself; in a browser, sdk.mjs lends it `replay`.
//
//   node session.mjs

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export const SESSION = fileURLToPath(new URL('../../shared/tests/session/arena.session', import.meta.url));
const WASM = new URL('../../assets/web/tickwire/wasm/', import.meta.url);

/** Stands alone, so that a page can run it: gives how many messages were the same, or says what was not. */
export function replay(Client, bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = new TextDecoder().decode(bytes.subarray(11, 11 + bytes[10]));
  const client = new Client(name, '', '', '', new Uint8Array(0), 0);
  let messages = 0;
  for (let at = 11 + bytes[10]; at < bytes.length; messages++) {
    const now = Number(view.getBigUint64(at, true)) / 1000;
    const end = at + 12 + view.getUint32(at + 8, true);
    client.handle_message(now, bytes.subarray(at + 12, end));
    const [hash, entities] = [view.getUint32(end, true), view.getUint32(end + 4, true)];
    if (client.hash() !== hash) throw new Error(`message ${messages}: the hash is ${client.hash()}, not ${hash} with ${entities} entities`);
    at = end + 8;
  }
  client.free();
  return messages;
}

/** How long the messages behind the first few take, on average, in each of some runs; and how many entities there are. */
export function timed(Client, bytes, runs) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = new TextDecoder().decode(bytes.subarray(11, 11 + bytes[10]));
  const messages = [];
  let entities = 0;
  for (let at = 11 + bytes[10]; at < bytes.length;) {
    const end = at + 12 + view.getUint32(at + 8, true);
    messages.push([Number(view.getBigUint64(at, true)) / 1000, bytes.slice(at + 12, end)]);
    entities = view.getUint32(end + 4, true);
    at = end + 8;
  }
  const times = Array.from({ length: runs }, () => {
    const client = new Client(name, '', '', '', new Uint8Array(0), 0);
    const first = 5;
    for (const [now, message] of messages.slice(0, first)) client.handle_message(now, message);
    const begun = performance.now();
    for (const [now, message] of messages.slice(first)) client.handle_message(now, message);
    const took = (performance.now() - begun) / (messages.length - first);
    client.free();
    return took;
  });
  times.sort((a, b) => a - b);
  return { median: times[runs >> 1], entities, frames: messages.length, bytes: bytes.length };
}

export async function inNode() {
  const { initSync, Client } = await import(new URL('tickwire_web.js', WASM));
  initSync({ module: await readFile(new URL('tickwire_web_bg.wasm', WASM)) });
  return Client;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const messages = replay(await inNode(), new Uint8Array(await readFile(SESSION)));
  console.log(`ok    node holds the recording's state after each of ${messages} messages`);
}
