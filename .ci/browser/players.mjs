// People at the page: somebody with keyboard and mouse, somebody with thumbs. They note what their console says.

const VIEW = { width: 1280, height: 720 };
const PHONE = { width: 390, height: 844 };
const NOBODY = 0xffffffff;

/** A page with everything noted that should not happen. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: VIEW, ...options });
  const page = await context.newPage();
  page.troubles = [];
  page.outage = false;
  const note = text => {
    // while the server is away, a socket that cannot open is what we came to see
    if (!page.outage || !/WebSocket|ERR_CONNECTION_REFUSED/.test(text)) page.troubles.push(text);
  };
  page.on('console', message => ['error', 'warning'].includes(message.type()) && note(`console: ${message.text()}`));
  page.on('pageerror', error => note(`uncaught: ${error.message}`));
  page.on('requestfailed', request => note(`failed: ${request.url()} ${request.failure()?.errorText}`));
  page.on('response', response => response.status() >= 400 && note(`${response.status()}: ${response.url()}`));
  return page;
}

export function openPhone(browser) {
  return openPage(browser, { viewport: PHONE, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
}

/** Waits until the page plays and its ship can be seen. */
export function playing(page, timeout = 15_000) {
  return page.waitForFunction(nobody => {
    const { phase, ownId, own } = window.tickwire ?? {};
    return phase === 'playing' && ownId !== nobody && own && !own.dead;
  }, NOBODY, { timeout });
}

export const own = page => page.evaluate(() => window.tickwire.own);

/** Points the mouse from the own ship in a direction of the world. */
export async function point(page, { screen }, angle) {
  await page.mouse.move(screen.x + 250 * Math.cos(angle), screen.y + 250 * Math.sin(angle));
}

/** Flies the ship of `a` to that of `b`, which brakes, until each page shows both, alive and near. */
export async function meet(a, b, { near = 34, timeout = 60_000 } = {}) {
  const end = Date.now() + timeout;
  await b.keyboard.down('KeyS');
  try {
    while (Date.now() < end) {
      const [here, there] = [await own(a), await own(b)];
      if (!here || !there || here.dead || there.dead) {
        await a.waitForTimeout(100);
        continue;
      }
      if (Math.hypot(there.x - here.x, there.y - here.y) < near && await sees(a, there.id) && await sees(b, here.id)) return;
      await approach(a, here, there);
    }
  } finally {
    await a.keyboard.up('KeyW');
    await b.keyboard.up('KeyS');
  }
  throw new Error(`the two ships did not meet within ${timeout} ms`);
}

// Burns along what is missing to the wanted speed: fast from afar, slow when near.
async function approach(page, here, there) {
  const dx = there.x - here.x;
  const dy = there.y - here.y;
  const distance = Math.hypot(dx, dy);
  const wanted = Math.min(30, Math.max(0, distance - 15) * 0.6);
  const missingX = (dx / distance) * wanted - here.vx;
  const missingY = (dy / distance) * wanted - here.vy;
  await point(page, here, Math.atan2(missingY, missingX));
  await page.keyboard[Math.hypot(missingX, missingY) > 3 ? 'down' : 'up']('KeyW');
  await page.waitForTimeout(40);
}

const sees = (page, id) => page.evaluate(id => Boolean(window.tickwire.entity(id)), id);

/**
 * How long after `act` the ship `id` looks changed in `page`: turned by `angle`, or moved by `distance`. Both pages
 * run on one machine, so one clock measures.
 */
export async function seenChange(page, id, act, { angle = Infinity, distance = Infinity, timeout = 5_000 }) {
  const seen = page.evaluate(({ id, angle, distance, timeout }) => new Promise((resolve, reject) => {
    const find = () => window.tickwire.entity(id);
    const before = find();
    const begun = performance.now();
    const look = () => {
      const now = find();
      const turned = now && Math.abs(Math.atan2(Math.sin(now.angle - before.angle), Math.cos(now.angle - before.angle)));
      if (now && (turned > angle || Math.hypot(now.x - before.x, now.y - before.y) > distance)) resolve(Date.now());
      else if (performance.now() - begun > timeout) reject(new Error('nothing was seen'));
      else requestAnimationFrame(look);
    };
    look();
  }), { id, angle, distance, timeout });
  await page.waitForTimeout(60);
  const acted = Date.now();
  await act();
  return await seen - acted;
}

/** Waits until an entity neither moves nor turns: what is seen afterwards comes from a key. */
export async function still(page, id, { timeout = 8_000 } = {}) {
  await page.waitForFunction(id => {
    const { x, y, angle } = window.tickwire.entity(id);
    const now = performance.now();
    const was = window.wasStill;
    const moved = !was || Math.hypot(x - was.x, y - was.y) > 0.3 || Math.abs(angle - was.angle) > 0.03;
    if (moved) window.wasStill = { x, y, angle, since: now };
    return !moved && now - was.since > 500;
  }, id, { timeout, polling: 50 });
}

/** Thumbs: each call says where they are. Playwright has taps only, so this speaks to the browser itself. */
export async function thumbs(page) {
  const session = await page.context().newCDPSession(page);
  return (type, points) => session.send('Input.dispatchTouchEvent', {
    type, touchPoints: points.map(([id, x, y]) => ({ id, x, y, radiusX: 8, radiusY: 8, force: 1 })),
  });
}
