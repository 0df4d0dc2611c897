// What travels in a game, as the WebAssembly client describes it.

const INPUT = 0xffff;
// shared/web/src/fields.rs has the same order
const TYPES = ['bool', 'int', 'uint', 'offset', 'float', 'angle', 'enum', 'text', 'quat'];
const NUMBERS_OF_A_TYPE = 4;

/** Kinds and input of the client's game; see `Schema` in index.d.ts. */
export function readSchema(game, client) {
  const kinds = client.kind_names().map((name, number) => readKind(client, number, name));
  return { game, kinds, input: readKind(client, INPUT, 'Input') };
}

function readKind(client, number, name) {
  const types = client.field_types(number);
  const fields = client.field_names(number).map((fieldName, at) => {
    const [type, elements, words, ownerOnly] = types.subarray(at * NUMBERS_OF_A_TYPE, (at + 1) * NUMBERS_OF_A_TYPE);
    const field = { name: fieldName, number: at, type: TYPES[type], elements, words, ownerOnly: ownerOnly !== 0 };
    const [min, max] = client.field_range(number, at);
    if (min !== undefined) Object.assign(field, { min, max });
    if (field.type === 'enum') field.variants = client.field_variants(number, at);
    return field;
  });
  return { name, number, fields };
}
