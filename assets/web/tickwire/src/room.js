// A room as a page sees it.

import { Connection, JoinError } from './connection.js';
import { putInput } from './input.js';
import { readSchema } from './schema.js';
import { KeptSeat } from './seat.js';
import { Tables } from './tables.js';

const TOLD = ['spawn', 'despawn', 'change'];
const NOTHING = Object.freeze([]);
// as shared/web/src/lib.rs gives them
const STATS = ['rtt', 'jitter', 'inputToAck', 'frames', 'bytesIn', 'bytesOut', 'hashesChecked', 'desyncs', 'tickMs',
  'interpolationDelay', 'underruns', 'margin', 'marginWanted', 'corrections', 'correctionStepsMax', 'correctionLongest'];

export class Room {
  #connection;
  #memory;
  #tables = null;
  #schema = null;
  #told = { spawn: [], despawn: [], change: [], event: [], notice: [], state: [] };
  #settle;

  /** Use `connect`. */
  constructor(url, options, memory, make) {
    this.game = options.game;
    this.#memory = memory;
    for (const what of ['Spawn', 'Change', 'Despawn', 'Event', 'Notice', 'State']) {
      if (options[`on${what}`]) this[`on${what}`](options[`on${what}`]);
    }
    /** Settles with the first seat, or the reason why there is none. */
    this.joined = new Promise((resolve, reject) => { this.#settle = { resolve, reject }; });
    const seat = new KeptSeat(url, options.game, options.resume ?? true);
    const on = { state: (state, reason) => this.#enter(state, reason), client: client => this.#learn(client), notice: notice => this.#notice(notice) };
    const request = requestOf(options);
    const client = token => make(options.game, request, token, Math.random() * 2 ** 32);
    this.#connection = new Connection(url, client, seat, on, options.WebSocket ?? globalThis.WebSocket);
    this.#connection.start();
  }

  get state() { return this.#connection.state; }
  get reason() { return this.#connection.reason; }
  get attempt() { return this.#connection.attempt; }
  get retryAt() { return this.#connection.retryAt; }
  get seats() { return this.#connection.seats; }
  get schema() { return this.#schema; }
  get code() { return this.#client?.code(); }
  get seat() { return this.#client?.seat(); }
  get tick() { return this.#client?.tick(); }
  get hash() { return this.#client?.hash() ?? 0; }

  get stats() {
    const stats = this.#client?.stats() ?? NOTHING;
    return Object.fromEntries(STATS.map((name, i) => [name, stats[i]]));
  }

  get #client() { return this.#connection.client; }

  /** Brings everything to `now`, and calls who wants to know what came, changed, went and happened. Call it once a frame. */
  sample(now = performance.now()) {
    const at = this.#client?.sample(now) ?? 0;
    if (at !== 0) this.#tables.update(at, (what, table, row, changed) => this.#tell(TOLD[what], table, row, changed));
    for (let event; (event = this.#client?.poll_event(now));) {
      for (const { callback } of this.#told.event) callback(event);
    }
  }

  entities(kind) {
    if (kind !== undefined) return this.#table(kind)?.all() ?? NOTHING.values();
    return this.#everything();
  }

  *#everything() {
    for (const table of this.#tables?.tables ?? NOTHING) yield* table.all();
  }

  entity(id) {
    for (const table of this.#tables?.tables ?? NOTHING) {
      const found = table.find(id);
      if (found) return found;
    }
    return undefined;
  }

  columns(kind) {
    const table = this.#table(kind);
    if (!table) throw new Error(`${this.game} is not known yet: wait for connect`);
    return table.columns;
  }

  get own() {
    return Array.from(this.#client?.owned() ?? NOTHING, id => this.entity(id)).filter(Boolean);
  }

  input(wish, now = performance.now()) {
    if (this.state !== 'playing') return false;
    putInput(this.#client, this.#schema, wish);
    const left = this.#client.input(now);
    this.#connection.flush();
    return left;
  }

  command(bytes) {
    if (!(bytes instanceof Uint8Array)) throw new TypeError("a command is a Uint8Array in the game's own encoding");
    this.#client?.command(bytes);
    this.#connection.flush();
  }

  /** Tries to come back at once, while resuming. */
  hurry() { this.#connection.hurry(); }

  leave() { this.#connection.leave(); }

  onSpawn(kind, callback) { return this.#listen('spawn', kind, callback); }
  onChange(kind, callback) { return this.#listen('change', kind, callback); }
  onDespawn(kind, callback) { return this.#listen('despawn', kind, callback); }
  onEvent(callback) { return this.#listen('event', callback); }
  onNotice(callback) { return this.#listen('notice', callback); }
  onState(callback) { return this.#listen('state', callback); }

  #listen(what, kind, callback = kind) {
    if (typeof callback !== 'function') throw new TypeError('a callback is a function');
    const listener = { kind: typeof kind === 'string' ? kind : undefined, callback };
    this.#told[what].push(listener);
    return () => { this.#told[what] = this.#told[what].filter(other => other !== listener); };
  }

  #table(kind) {
    if (!this.#tables) return undefined;
    const table = this.#tables.byName.get(kind);
    if (table) return table;
    throw new TypeError(`${this.game} has no kind ${JSON.stringify(kind)}; it has ${[...this.#tables.byName.keys()].join(', ')}`);
  }

  #enter(state, reason) {
    for (const { callback } of this.#told.state) callback(state, reason, this);
    if (state === 'playing') this.#settle.resolve(this);
    if (state === 'refused' || state === 'closed') this.#settle.reject(new JoinError(state, reason));
  }

  #notice(notice) {
    for (const { callback } of this.#told.notice) callback(notice, this);
  }

  // What was drawn of a session that is over is gone, and comes anew with the next one.
  #learn(client) {
    for (const table of this.#tables?.tables ?? NOTHING) {
      for (let row = 0; row < table.rows; row++) this.#tell('despawn', table, row);
    }
    this.#schema = readSchema(this.game, client);
    this.#tables = new Tables(this.#schema, this.#memory);
  }

  #tell(what, table, row, changed) {
    if (what === 'despawn') {
      // made even if nobody listens: who holds the object shall find what it had
      const wanted = table.entities.size > 0 || this.#told.despawn.length > 0;
      const entity = wanted ? table.part(row) : undefined;
      if (entity) this.#call(what, table, entity);
    } else if (this.#told[what].length > 0) {
      this.#call(what, table, table.find(table.ids[row]), changed?.());
    }
  }

  #call(what, table, entity, changed) {
    for (const { kind, callback } of this.#told[what]) {
      if (kind === undefined || kind === table.kind.name) callback(entity, changed);
    }
  }
}

/** What is said on joining; the server reads the wish, and says what is wrong with it. */
function requestOf({ name = '', pass = '', wish }) {
  return { name, pass, wish: wish === undefined ? '' : JSON.stringify(wish) };
}
