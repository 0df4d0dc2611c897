// The browser SDK of Tickwire. README.md has examples.

/** What a field's values are; `offset` is an integer that fits neither 32-bit type, in columns less its smallest value. */
export type FieldType = 'bool' | 'int' | 'uint' | 'offset' | 'float' | 'angle' | 'enum' | 'text' | 'quat';

export interface Field {
  readonly name: string;
  /** Its place among the fields. */
  readonly number: number;
  readonly type: FieldType;
  /** Length of an array; 0 where the field is none. */
  readonly elements: number;
  /** 32-bit words that an element has in a column. */
  readonly words: number;
  /** Only the owner of the entity receives it; for others it is 0. */
  readonly ownerOnly: boolean;
  /** Of numbers: smallest and largest value. */
  readonly min?: number;
  readonly max?: number;
  /** Of enums: their names, by number. */
  readonly variants?: readonly string[];
}

export interface Kind {
  readonly name: string;
  readonly number: number;
  readonly fields: readonly Field[];
}

/** What travels in a game, as its server describes it. */
export interface Schema {
  readonly game: string;
  readonly kinds: readonly Kind[];
  readonly input: Kind;
}

/** A value of a field: enums by name, quaternions as x, y, z, w. */
export type Value = boolean | number | string | readonly number[];

/**
 * An entity, as it is drawn: a little in the past, moving smoothly. The same object from its spawn to its despawn, so it
 * may carry what the page adds to it. Its fields are properties; one named like a property below is read by `get`.
 */
export interface Entity {
  readonly id: number;
  /** Name of its kind. */
  readonly kind: string;
  /** It is not drawn any more, and keeps what it was told last. */
  readonly gone: boolean;
  get(field: string): Value | readonly Value[] | undefined;
  // the schema is known at run time only
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly [field: string]: any;
}

export type Column = Float32Array | Int32Array | Uint32Array;

/**
 * All entities of a kind, field by field: views into the client's memory, nothing is copied. Row `i` of every column is
 * of the entity `id[i]`. An element of an array, and a component of a quaternion, stand side by side. They are good until
 * the next `sample` or other call of the room: ask for them again in each frame.
 */
export interface Columns {
  readonly length: number;
  readonly id: Uint32Array;
  /** A field whose name is that of a property here. */
  field(name: string): Column | undefined;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly [field: string]: any;
}

/**
 * - `connecting`: the socket opens; `joining`: it is open, a seat is asked for; `playing`.
 * - `resuming`: the connection was lost, the client tries to come back (`Room.retryAt`).
 * - `refused`: the server says no, the reason is for a person; `closed`: nobody was there, or the room was left. Both are
 *   the end.
 */
export type State = 'connecting' | 'joining' | 'playing' | 'resuming' | 'refused' | 'closed';

export interface Stats {
  /** Milliseconds; -1 while unknown. */
  readonly rtt: number;
  readonly jitter: number;
  readonly inputToAck: number;
  readonly frames: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly hashesChecked: number;
  /** Always 0, unless somebody has a bug. */
  readonly desyncs: number;
  readonly tickMs: number;
}

export type Stop = () => void;

export interface Callbacks {
  onSpawn?: (entity: Entity) => void;
  /** `changed`: names of the fields that the server told anew. */
  onChange?: (entity: Entity, changed: readonly string[]) => void;
  onDespawn?: (entity: Entity) => void;
  /** In the game's own encoding. */
  onEvent?: (event: Uint8Array) => void;
  onState?: (state: State, reason: string) => void;
}

/** A WebAssembly module with a client of its own, made with the crate `tickwire-web`. */
export interface WasmClients {
  load(): Promise<{ memory: WebAssembly.Memory }>;
  client(game: string, name: string): unknown;
}

export interface ConnectOptions extends Callbacks {
  /** The game's name. */
  game: string;
  /** The player's name; what it may be is the game's business. */
  name?: string;
  /** Instead of the client of any game: one with the game's own rules. */
  wasm?: WasmClients;
}

/** There is no seat; the message says why, for a person. */
export class JoinError extends Error {
  readonly state: 'refused' | 'closed';
}

/** A room, joined by `connect`. */
export class Room {
  private constructor();
  readonly game: string;
  readonly state: State;
  /** Why the state is what it is, for a person. */
  readonly reason: string;
  /** When it tries again while resuming, in `performance.now()`. */
  readonly retryAt: number;
  readonly schema: Schema;
  readonly seat: number | undefined;
  /** Of the newest state; what is drawn is a little older. */
  readonly tick: number | undefined;
  /** The low half of the newest state's hash. */
  readonly hash: number;
  readonly stats: Stats;
  /** Entities of the own seat. */
  readonly own: Entity[];

  /** Brings everything to `now`, and calls who wants to know what came, changed and went. Call it once a frame. */
  sample(now?: number): void;
  /** Everything of a kind, or everything. */
  entities(kind?: string): IterableIterator<Entity>;
  entity(id: number): Entity | undefined;
  columns(kind: string): Columns;

  /**
   * What the player wants now; fields that are not named rest. Call it each frame: at most one input leaves for each
   * tick. Tells whether one left.
   * @throws {TypeError | RangeError} a field that the input does not have, or a value that it does not take
   */
  input(wish: Readonly<Record<string, Value>>, now?: number): boolean;
  /** A rare wish, in the game's own encoding. */
  command(bytes: Uint8Array): void;
  /** Tries to come back at once. */
  hurry(): void;
  leave(): void;

  /** Each gives a function that ends it. Entities are told by `sample`, when they are drawn. */
  onSpawn(callback: (entity: Entity) => void): Stop;
  onSpawn(kind: string, callback: (entity: Entity) => void): Stop;
  onChange(callback: (entity: Entity, changed: readonly string[]) => void): Stop;
  onChange(kind: string, callback: (entity: Entity, changed: readonly string[]) => void): Stop;
  onDespawn(callback: (entity: Entity) => void): Stop;
  onDespawn(kind: string, callback: (entity: Entity) => void): Stop;
  onEvent(callback: (event: Uint8Array) => void): Stop;
  onState(callback: (state: State, reason: string) => void): Stop;
}

/**
 * Joins a room.
 * @param url of the server's WebSocket; relative to the page
 * @throws {JoinError} nobody is there, or the server says no
 */
export function connect(url: string | URL, options: ConnectOptions): Promise<Room>;
