// Inputs by name, checked against the schema. What is not named rests: false, 0, empty.

/** Puts a wish into the client; see `Room.input`. */
export function putInput(client, schema, wish) {
  const { fields } = schema.input;
  client.rest();
  for (const name of Object.keys(wish)) {
    const field = fields.find(candidate => candidate.name === name);
    if (!field) {
      const known = fields.map(candidate => candidate.name).join(', ') || 'none at all';
      throw new TypeError(`the input of ${schema.game} has no field ${JSON.stringify(name)}; it has ${known}`);
    }
    const value = wish[name];
    if (field.elements === 0) {
      put(client, field, 0, value, name);
    } else {
      if (value?.length !== field.elements) throw new TypeError(`${name} takes a list of ${field.elements} values`);
      for (let i = 0; i < field.elements; i++) put(client, field, i, value[i], `${name}[${i}]`);
    }
  }
}

function put(client, field, element, value, name) {
  try {
    if (typeof value === 'string') client.put_text(field.number, element, value);
    else if (field.type === 'quat') client.put_quat(field.number, element, ...four(value));
    else if (typeof value === (field.type === 'bool' ? 'boolean' : 'number')) client.put(field.number, element, Number(value));
    else throw new TypeError(field.type === 'bool' ? 'takes true or false' : `takes a ${field.type === 'text' ? 'text' : 'number'}`);
  } catch (error) {
    throw new (error instanceof TypeError ? TypeError : RangeError)(`${name} ${error.message}`);
  }
}

function four(value) {
  if (value?.length !== 4) throw new TypeError('takes a quaternion: four numbers');
  return value;
}
