// What is drawn: columns that lie in the WebAssembly module's memory, and objects that read from them.
//
// Layout: shared/web/src/drawn.rs, which is the other half of this file.

const HEAD_WORDS = 2;
const KIND_WORDS = 3;
const VIEWS = { int: Int32Array, float: Float32Array, angle: Float32Array, quat: Float32Array };
const text = new TextDecoder();

/** The table of one kind. */
class Table {
  constructor(kind, memory, head) {
    this.kind = kind;
    this.memory = memory;
    this.head = head;
    this.rows = 0;
    this.gone = 0;
    this.mark = 0;
    this.settled = 0;
    this.ids = new Uint32Array(0);
    this.at = new Uint32Array(kind.fields.length);
    /** By field; as long as all rows, those that are gone included. */
    this.views = kind.fields.map(() => null);
    this.shown = kind.fields.map(() => null);
    /** Objects that somebody asked for, by id. */
    this.entities = new Map();
    this.Entity = entityOf(this);
    this.columns = columnsOf(this);
    this.byName = new Map(kind.fields.map(field => [field.name, field]));
  }

  update(words) {
    [this.rows, this.gone] = [words[this.head], words[this.head + 1]];
    this.mark += 1;
    this.ids = this.reuse(this.ids, Uint32Array, words[this.head + 2], this.rows + this.gone);
    for (const { number } of this.kind.fields) this.at[number] = words[this.head + KIND_WORDS + number];
  }

  /** A view that is right after the memory grew, and after rows were added. */
  reuse(view, View, at, length) {
    const { buffer } = this.memory;
    if (view && view.buffer === buffer && view.byteOffset === at && view.length >= length) return view;
    // an empty column lies nowhere
    return length === 0 ? new View(0) : new View(buffer, at, length);
  }

  /** All words of a field. */
  view(field) {
    const length = (this.rows + this.gone) * width(field);
    return (this.views[field.number] = this.reuse(this.views[field.number], VIEWS[field.type] ?? Uint32Array, this.at[field.number], length));
  }

  /** Those that are drawn. */
  column(field) {
    const [view, length] = [this.view(field), this.rows * width(field)];
    const shown = this.shown[field.number];
    const right = shown && shown.buffer === view.buffer && shown.byteOffset === view.byteOffset && shown.length === length;
    return right ? shown : (this.shown[field.number] = view.subarray(0, length));
  }

  /** Brings the objects that there are to their rows. */
  settle() {
    if (this.settled === this.mark) return;
    this.settled = this.mark;
    const { ids, rows, entities, Entity } = this;
    for (let row = 0; row < rows; row++) {
      const entity = entities.get(ids[row]);
      if (entity === undefined) entities.set(ids[row], new Entity(ids[row], row));
      else entity[ROW] = row;
    }
  }

  all() {
    this.settle();
    return this.entities.values();
  }

  find(id) {
    this.settle();
    return this.entities.get(id);
  }

  /** The object of an entity that is gone keeps what it had. */
  part(row) {
    const id = this.ids[row];
    let entity = this.entities.get(id);
    this.entities.delete(id);
    entity ??= new this.Entity(id, row);
    entity[ROW] = row;
    for (const field of this.kind.fields) {
      if (!RESERVED.has(field.name)) Object.defineProperty(entity, field.name, { value: read(this, field, row), enumerable: true });
    }
    entity.gone = true;
    return entity;
  }
}

const ROW = Symbol('row');
const RESERVED = new Set(['id', 'kind', 'gone', 'get']);

/** A class whose objects have the kind's fields. */
function entityOf(table) {
  class Entity {
    constructor(id, row) {
      this.id = id;
      this.gone = false;
      this[ROW] = row;
    }

    get kind() {
      return table.kind.name;
    }

    /** A field by its name, whatever that is. */
    get(name) {
      const field = table.byName.get(name);
      return field && this.read(field);
    }
  }
  Object.defineProperty(Entity.prototype, 'read', {
    value(field) {
      table.settle();
      return read(table, field, this[ROW]);
    },
  });
  for (const field of table.kind.fields) {
    if (RESERVED.has(field.name)) continue;
    Object.defineProperty(Entity.prototype, field.name, { get: getter(table, field), enumerable: true });
  }
  return Entity;
}

/** Plain numbers are read without a detour: a page reads thousands of them in a frame. */
function getter(table, field) {
  const plain = field.elements === 0 && ['int', 'uint', 'float', 'angle'].includes(field.type);
  if (!plain) return function get() { return this.read(field); };
  return function get() {
    table.settle();
    return table.view(field)[this[ROW]];
  };
}

function columnsOf(table) {
  const columns = {
    get length() { return table.rows; },
    get id() { return table.ids.subarray(0, table.rows); },
    field: name => table.byName.has(name) ? table.column(table.byName.get(name)) : undefined,
  };
  for (const field of table.kind.fields) {
    if (field.name in columns) continue;
    Object.defineProperty(columns, field.name, { get: () => table.column(field), enumerable: true });
  }
  return Object.freeze(columns);
}

function width(field) {
  return field.words * Math.max(1, field.elements);
}

function read(table, field, row) {
  const view = table.view(field);
  const first = row * width(field);
  if (field.elements === 0) return element(field, view, first);
  return Array.from({ length: field.elements }, (_, i) => element(field, view, first + i * field.words));
}

function element(field, view, at) {
  switch (field.type) {
    case 'bool': return view[at] !== 0;
    case 'enum': return field.variants[view[at]];
    case 'offset': return field.min + view[at];
    case 'quat': return Array.from(view.subarray(at, at + field.words));
    case 'text': return text.decode(new Uint8Array(view.buffer, view.byteOffset + (at + 1) * 4, Math.min(view[at], (field.words - 1) * 4)));
    default: return view[at];
  }
}

/** All tables of a game. */
export class Tables {
  constructor(schema, memory) {
    this.memory = memory;
    this.tables = [];
    let head = HEAD_WORDS;
    for (const kind of schema.kinds) {
      this.tables.push(new Table(kind, memory, head));
      head += KIND_WORDS + kind.fields.length;
    }
    this.words = head;
    this.byName = new Map(this.tables.map(table => [table.kind.name, table]));
  }

  /** Takes what the client has drawn and tells what is new: `tell(what, table, row, changed)`, 0 spawned, 1 gone, 2 changed. */
  update(at, tell) {
    const { buffer } = this.memory;
    const words = new Uint32Array(buffer, at, this.words);
    for (const table of this.tables) table.update(words);
    // a copy: who is told may call the module, and its memory may grow
    const news = words[0] === 0 ? [] : new Uint32Array(buffer, words[1], words[0]).slice();
    for (let i = 0; i < news.length;) {
      const [what, table, row] = [news[i], this.tables[news[i + 1]], news[i + 2]];
      i += 3;
      if (what === 2) {
        const masks = i;
        i += Math.ceil(table.kind.fields.length / 32);
        tell(what, table, row, () => table.kind.fields.filter(({ number }) => news[masks + (number >> 5)] >>> (number & 31) & 1).map(({ name }) => name));
      } else {
        tell(what, table, row);
      }
    }
  }
}
