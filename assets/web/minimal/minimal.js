// Joins any game and draws all that has a position: /minimal/?game=coins&name=Ann; another server with &url=ws://host:7777/ws
import { connect } from '../tickwire/index.js';

const { game = 'arena', name = 'Visitor', url = '/ws' } = Object.fromEntries(new URLSearchParams(location.search));
const told = document.getElementById('told');
const view = document.getElementById('view').getContext('2d');
const held = new Set();
addEventListener('keydown', event => held.add(event.key));
addEventListener('keyup', event => held.delete(event.key));

// a position is x and y, or a list of two numbers
const placeOf = entity => 'x' in entity ? [entity.x, entity.y] : Object.values(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(entity))).map(field => field.get?.call(entity)).find(value => Array.isArray(value) && value.length === 2);

try {
  const room = await connect(url, { game, name, onState: (state, reason) => { told.textContent = `${game}: ${state} ${reason}`; } });
  window.room = room; // to look at it in the console
  const x = room.schema.kinds.flatMap(kind => kind.fields).find(field => field.type === 'float' && (field.name === 'x' || field.elements === 2));
  const steps = room.schema.input.fields.filter(field => field.min === -1 && field.max === 1);
  const buttons = room.schema.input.fields.filter(field => field.type === 'bool');
  requestAnimationFrame(function frame() {
    requestAnimationFrame(frame);
    room.sample();
    const { canvas } = view;
    [canvas.width, canvas.height] = [innerWidth, innerHeight];
    const span = Math.min(160, x.max - x.min);
    const middle = (x.min + x.max) / 2;
    const centre = span < x.max - x.min && room.own[0] ? placeOf(room.own[0]) : [middle, middle];
    const scale = Math.min(innerWidth, innerHeight) / (span * 1.1);
    for (const entity of room.entities()) {
      const place = placeOf(entity);
      if (!place) continue;
      view.fillStyle = room.own.includes(entity) ? '#ffc857' : `hsl(${room.schema.kinds.findIndex(({ name }) => name === entity.kind) * 77} 60% 60%)`;
      view.fillRect(innerWidth / 2 + (place[0] - centre[0]) * scale - 5, innerHeight / 2 + (place[1] - centre[1]) * scale - 5, 10, 10);
    }
    // arrows for what goes from -1 to 1, the up arrow and the space bar for buttons
    const arrows = [held.has('ArrowRight') - held.has('ArrowLeft'), held.has('ArrowDown') - held.has('ArrowUp')];
    const wish = Object.fromEntries(steps.map((field, i) => [field.name, field.elements ? arrows.slice(0, field.elements) : arrows[i]]));
    ['ArrowUp', ' '].forEach((key, i) => { if (buttons[i]) wish[buttons[i].name] = held.has(key); });
    room.input(wish);
  });
} catch (error) {
  told.textContent = `${game}: ${error.message}`;
}
