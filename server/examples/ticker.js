// A stock ticker by tickwire.1.json: plain JavaScript, no client library. It says {"join":{}} and nothing else; from then
// on the server tells what there is and what changes.

const REMEMBERED = 120;
const SVG = 'http://www.w3.org/2000/svg';
const [table, state, rate] = ['quotes', 'state', 'rate'].map(id => document.getElementById(id));
const quotes = new Map();
let tries = 0;
let [messages, bytes] = [0, 0];

function cell(row, kind = '', inner = null) {
  const td = row.insertCell();
  td.className = kind;
  if (inner) td.append(inner);
  return inner ?? td;
}

function open(id) {
  const row = table.insertRow();
  const quote = { row, prices: [] };
  quote.title = cell(row);
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 100 100');
  svg.setAttribute('preserveAspectRatio', 'none');
  quote.curve = svg.appendChild(document.createElementNS(SVG, 'polyline'));
  cell(row, 'wide', svg);
  quote.price = cell(row, 'price', document.createElement('span'));
  quote.today = cell(row);
  quote.volume = cell(row, 'wide');
  quotes.set(id, quote);
  return quote;
}

function draw(quote) {
  const { symbol, name, price, open, volume } = quote.fields;
  const small = document.createElement('small');
  small.textContent = name;
  quote.title.replaceChildren(symbol, small);
  quote.price.textContent = price.toFixed(2);
  const way = 100 * (price / open - 1);
  quote.today.textContent = `${way < 0 ? '−' : '+'}${Math.abs(way).toFixed(2)} %`;
  quote.today.className = way < 0 ? 'down' : 'up';
  quote.volume.textContent = volume.toLocaleString('en');
  const [low, high] = [Math.min(...quote.prices), Math.max(...quote.prices)];
  const width = Math.max(quote.prices.length, 24) - 1;
  const place = (price, at) => `${100 * at / width},${95 - 90 * (price - low) / (high - low || 1)}`;
  quote.curve.setAttribute('points', quote.prices.map(place).join(' '));
  quote.curve.parentNode.setAttribute('class', price < quote.prices[0] ? 'down' : 'up');
}

function flash(quote, kind) {
  const td = quote.price.parentNode;
  td.className = `price ${kind}`;
  setTimeout(() => { td.className = 'price'; }, 150);
}

function take({ set = {}, gone = [] }) {
  for (const [id, fields] of Object.entries(set)) {
    const quote = quotes.get(id) ?? open(id);
    const before = quote.fields?.price;
    quote.fields = { ...quote.fields, ...fields };
    if ('price' in fields) {
      quote.prices.push(fields.price);
      if (quote.prices.length > REMEMBERED) quote.prices.shift();
      if (before && before !== fields.price) flash(quote, fields.price > before ? 'rose' : 'fell');
    }
    draw(quote);
  }
  for (const id of gone) {
    quotes.get(String(id))?.row.remove();
    quotes.delete(String(id));
  }
}

function show(words, kind = '') {
  state.textContent = words;
  state.className = kind;
  table.classList.toggle('stale', kind !== 'on');
}

function connect() {
  show(tries === 0 ? 'connecting' : 'connecting again');
  const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`, 'tickwire.1.json');
  let refused = null;
  socket.onopen = () => socket.send('{"join":{}}');
  socket.onmessage = ({ data }) => {
    messages += 1;
    bytes += data.length;
    const message = JSON.parse(data);
    if (message.joined) {
      tries = 0;
      show('connected', 'on');
    }
    refused = message.refused ?? refused;
    take(message);
  };
  socket.onclose = ({ reason }) => {
    // a little later each time, and not all pages at once
    const wait = Math.min(500 * 2 ** tries, 15_000) * (0.75 + Math.random() / 2);
    tries += 1;
    show(`${refused || reason || 'the connection broke'}; again in ${Math.ceil(wait / 1000)} s`, 'off');
    setTimeout(connect, wait);
  };
}

setInterval(() => {
  rate.textContent = `${messages} messages and ${bytes} characters in the last second`;
  [messages, bytes] = [0, 0];
}, 1000);
connect();
