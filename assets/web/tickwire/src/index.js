// Tickwire in the browser: joins a room of any game, by the schema that its server sends.
//
//   import { connect } from './tickwire/index.js';
//   const room = await connect('ws://localhost:7777/ws', { game: 'arena', name: 'Ann' });
//   requestAnimationFrame(function frame() {
//     room.sample();
//     for (const ship of room.entities('Ship')) draw(ship.x, ship.y);
//     room.input({ thrust: true, turn: -1 });
//     requestAnimationFrame(frame);
//   });
//
// README.md tells the rest; index.d.ts has every name.

import { Room } from './room.js';
import { KeptSeat } from './seat.js';

export { Room } from './room.js';
export { JoinError } from './connection.js';

/** Of any game; a game with rules of its own in WebAssembly passes another one as `options.wasm`. */
async function generic() {
  const { default: load, Client } = await import('../wasm/tickwire_web.js');
  return { load, client: (game, { name, pass, wish }, ...of) => new Client(game, name, pass, wish, ...of) };
}

/**
 * Joins a room.
 * @param {string | URL} url of the server's WebSocket, `ws://` or `wss://`; relative to the page
 * @param {import('../index.d.ts').ConnectOptions} options
 * @returns {Promise<Room>} once there is a seat
 * @throws {JoinError} nobody is there, or the server says no; its message says why
 */
export async function connect(url, options) {
  if (typeof options?.game !== 'string' || options.game === '') {
    throw new TypeError("connect needs the game's name: connect(url, { game: 'arena' })");
  }
  const wasm = options.wasm ?? await generic();
  const { memory } = await wasm.load();
  const room = new Room(socketUrl(url), options, memory, wasm.client);
  await room.joined;
  return room;
}

/**
 * Whether this tab has a seat there, or had one before it was loaded again: then `connect` takes it back, if it is held
 * still. For pages that ask for a name first.
 */
export function seated(url, game) {
  return new KeptSeat(socketUrl(url), game, true).token().length > 0;
}

/** A page may say where its own server is in short: `/ws`. */
function socketUrl(url) {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace(/^http/, 'ws');
  if (!/^wss?:$/.test(absolute.protocol)) throw new TypeError(`${absolute} is no address of a WebSocket: it begins with ws:// or wss://`);
  return absolute.href;
}
