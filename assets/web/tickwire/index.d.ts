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
 * - `resuming`: the connection was lost, the client comes back to its seat (`Room.attempt`, `Room.retryAt`); meanwhile all
 *   stays as it was.
 * - `refused`: the server says no, the reason is for a person; `closed`: nobody was there or came back, the room was left,
 *   or another tab took the seat. Both are the end.
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
  /** Milliseconds that others are drawn behind what arrives: the buffer against jitter. */
  readonly interpolationDelay: number;
  /** How often that buffer was empty. */
  readonly underruns: number;
  /** Milliseconds that inputs are early at the server in the mean, and how early they are meant to be. */
  readonly margin: number;
  readonly marginWanted: number;
  /** How often what was predicted turned out otherwise, so that one could see it; the largest difference in steps of a
   * field, and for how many milliseconds at most it showed. 0 in a client that does not predict. */
  readonly corrections: number;
  readonly correctionStepsMax: number;
  readonly correctionLongest: number;
}

export type Stop = () => void;

/** Word from whoever runs the server. */
export interface Notice {
  readonly text: string;
  /** The connection ends in so many seconds, or before. */
  readonly endsInS: number | undefined;
}

/** A value of a room's property. */
export type Property = boolean | number | string;

/** What a property must be: this value, one of some, or a number from `min` to `max`, ends included. */
export type Condition = Property | { readonly in: readonly Property[] } | { readonly min?: number; readonly max?: number };

/**
 * Which room. Nothing, or `{}`: the fullest that has space, else a new one. With `where`, only rooms whose properties are
 * so. One of `room`, `code` and `create` says it more exactly.
 */
export interface Wish {
  readonly where?: Readonly<Record<string, Condition>>;
  /** Which of those that fit: names of properties, `players`, `free` or `age`, the first counting most; `-` before a name
   * is from the largest down. */
  readonly sort?: readonly string[];
  /** A room by its number. */
  readonly room?: number;
  /** A private room by its code. */
  readonly code?: string;
  /** A room of one's own. */
  readonly create?: {
    /** Only who knows its code (`Room.code`) gets in. */
    readonly private?: boolean;
    /** It is not in lists, and nobody is sent there who does not name it. */
    readonly hidden?: boolean;
    /** Nobody else gets in until the game unlocks it. */
    readonly locked?: boolean;
    readonly properties?: Readonly<Record<string, Property>>;
    /** The game's own options. */
    readonly options?: unknown;
  };
  /** Only to look on, if the game lets people. */
  readonly spectate?: boolean;
}

export interface Callbacks {
  onSpawn?: (entity: Entity) => void;
  /** `changed`: names of the fields that the server told, or the client predicted, anew. */
  onChange?: (entity: Entity, changed: readonly string[]) => void;
  onDespawn?: (entity: Entity) => void;
  /** In the game's own encoding; when the tick is drawn in which it happened. */
  onEvent?: (event: Uint8Array) => void;
  /** Word from whoever runs the server, for the player; at once, also while nothing is drawn. */
  onNotice?: (notice: Notice, room: Room) => void;
  /** Also while `connect` has not given the room yet. `resuming` is told for each try. */
  onState?: (state: State, reason: string, room: Room) => void;
}

/** As it travels: `wish` is JSON; each may be empty. */
export interface JoinRequest {
  readonly name: string;
  readonly pass: string;
  readonly wish: string;
}

/** A WebAssembly module with a client of its own, made with the crate `tickwire-web`. */
export interface WasmClients {
  load(): Promise<{ memory: WebAssembly.Memory }>;
  /** `token` is empty, or leads back to a seat; `seed` spreads the times at which clients come back. */
  client(game: string, request: JoinRequest, token: Uint8Array, seed: number): unknown;
}

export interface ConnectOptions extends Callbacks {
  /** The game's name. */
  game: string;
  /** The player's name; what it may be is the game's business. */
  name?: string;
  /** Who the player is: a signed token, or a ticket of the server's HTTP API, where the server asks for one. */
  pass?: string;
  /** Which room; any, where it is not said. */
  wish?: Wish;
  /** Instead of the client of any game: one with the game's own rules. */
  wasm?: WasmClients;
  /**
   * Whether a page that is loaded again takes its tab's seat back, if the server holds it still; default true. Its token
   * lies in `sessionStorage`. A tab that was duplicated has it too and takes the seat over: the older one is closed and
   * told so.
   */
  resume?: boolean;
  /** Instead of the browser's, for tests and where there is none. */
  WebSocket?: new (url: string, protocol: string) => Pick<WebSocket,
    'binaryType' | 'readyState' | 'send' | 'close' | 'onopen' | 'onmessage' | 'onclose'>;
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
  /** While resuming: which try is awaited or under way, from 1. */
  readonly attempt: number;
  /** When that try is due, in `performance.now()`. */
  readonly retryAt: number;
  /** Seats that it has had; 1, until a seat was not held any more and another was taken. */
  readonly seats: number;
  readonly schema: Schema;
  /** What others join this room by, as `wish: { code }`; none where it has no code. */
  readonly code: string | undefined;
  readonly seat: number | undefined;
  /** Of the newest state; what is drawn is a little older. */
  readonly tick: number | undefined;
  /** The low half of the newest state's hash. */
  readonly hash: number;
  readonly stats: Stats;
  /** Entities of the own seat. */
  readonly own: Entity[];

  /** Brings everything to `now`, and calls who wants to know what came, changed, went and happened. Call it once a frame,
   * after `input`. */
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

  /** Each gives a function that ends it. Entities and events are told by `sample`, when they are drawn. */
  onSpawn(callback: (entity: Entity) => void): Stop;
  onSpawn(kind: string, callback: (entity: Entity) => void): Stop;
  onChange(callback: (entity: Entity, changed: readonly string[]) => void): Stop;
  onChange(kind: string, callback: (entity: Entity, changed: readonly string[]) => void): Stop;
  onDespawn(callback: (entity: Entity) => void): Stop;
  onDespawn(kind: string, callback: (entity: Entity) => void): Stop;
  onEvent(callback: (event: Uint8Array) => void): Stop;
  onNotice(callback: (notice: Notice, room: Room) => void): Stop;
  onState(callback: (state: State, reason: string, room: Room) => void): Stop;
}

/**
 * Joins a room.
 * @param url of the server's WebSocket; relative to the page
 * @throws {JoinError} nobody is there, or the server says no
 */
export function connect(url: string | URL, options: ConnectOptions): Promise<Room>;

/**
 * Whether this tab has a seat there, or had one before it was loaded again: then `connect` takes it back, if it is held
 * still. For pages that ask for a name first.
 */
export function seated(url: string | URL, game: string): boolean;
