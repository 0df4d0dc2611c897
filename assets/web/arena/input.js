// What the player wants, from keyboard, mouse and touch, as one small record that is read once a frame.

const KEYS = {
  KeyW: 'up', ArrowUp: 'up',
  KeyS: 'down', ArrowDown: 'down',
  KeyA: 'left', ArrowLeft: 'left',
  KeyD: 'right', ArrowRight: 'right',
  Space: 'fire',
};
const STICK_REACH_PX = 56;
const STICK_DEAD = 0.18;

export class Input {
  /** @param {HTMLElement} surface what is pressed and touched  @param {HTMLElement} pad the drawn sticks */
  constructor(surface, pad) {
    this.held = new Set();
    this.mouse = { x: 0, y: 0, known: false, moved: false, fire: false, thrust: false };
    this.stick = { pointer: null, x: 0, y: 0, fromX: 0, fromY: 0 };
    this.trigger = { pointer: null };
    this.touch = false;
    this.active = false;
    this.shortcuts = new Map();
    this.pad = { stick: pad.querySelector('#stick'), fire: pad.querySelector('#fire') };
    this.listen(surface);
  }

  /** Calls `then` when the key is pressed in play. */
  shortcut(code, then) {
    this.shortcuts.set(code, then);
  }

  /** Lets go of everything: the page is hidden, or the player types. */
  release() {
    this.held.clear();
    this.mouse.fire = this.mouse.thrust = false;
    this.dropStick();
    this.dropTrigger();
  }

  /**
   * What is held at this moment: a direction (`x`, `y`), and `aim` in radians or null when nobody aims.
   * @param {{x: number, y: number}} ship where the own ship is on screen
   */
  read(ship) {
    const key = name => (this.held.has(name) ? 1 : 0);
    const { mouse, stick, touch } = this;
    const fire = this.held.has('fire') || mouse.fire || this.trigger.pointer !== null;
    const mouseMoved = mouse.moved;
    mouse.moved = false;
    if (touch) {
      const aim = Math.hypot(stick.x, stick.y) > STICK_DEAD ? Math.atan2(stick.y, stick.x) : null;
      return { x: stick.x, y: stick.y, aim, fire, thrust: false, mouseMoved: false, touch };
    }
    const aim = mouse.known ? Math.atan2(mouse.y - ship.y, mouse.x - ship.x) : null;
    const x = key('right') - key('left');
    const y = key('down') - key('up');
    return { x, y, aim, fire, thrust: mouse.thrust, mouseMoved, touch };
  }

  listen(surface) {
    addEventListener('keydown', event => this.keyDown(event));
    addEventListener('keyup', event => this.held.delete(KEYS[event.code]));
    addEventListener('blur', () => this.release());
    surface.addEventListener('pointerdown', event => this.pointerDown(event));
    addEventListener('pointermove', event => this.pointerMove(event));
    addEventListener('pointerup', event => this.pointerUp(event));
    addEventListener('pointercancel', event => this.pointerUp(event));
    surface.addEventListener('contextmenu', event => event.preventDefault());
    addEventListener('gesturestart', event => event.preventDefault());
  }

  keyDown(event) {
    if (!this.active || event.ctrlKey || event.metaKey || event.altKey) return;
    const name = KEYS[event.code];
    if (name) {
      this.held.add(name);
      event.preventDefault();
    } else if (!event.repeat) {
      this.shortcuts.get(event.code)?.();
    }
  }

  pointerDown(event) {
    if (!this.active) return;
    event.preventDefault();
    if (event.pointerType !== 'touch') {
      this.setTouch(false);
      this.mouseTo(event);
      this.mouseButtons(event);
      return;
    }
    this.setTouch(true);
    if (event.clientX < innerWidth / 2 && this.stick.pointer === null) this.grabStick(event);
    else if (this.trigger.pointer === null) this.grabTrigger(event);
  }

  pointerMove(event) {
    if (event.pointerId === this.stick.pointer) {
      const dx = (event.clientX - this.stick.fromX) / STICK_REACH_PX;
      const dy = (event.clientY - this.stick.fromY) / STICK_REACH_PX;
      const reach = Math.max(1, Math.hypot(dx, dy));
      this.stick.x = dx / reach;
      this.stick.y = dy / reach;
      this.showStick();
    } else if (event.pointerType !== 'touch') {
      this.mouseTo(event);
      if (event.buttons !== 0 || this.mouse.fire || this.mouse.thrust) this.mouseButtons(event);
    }
  }

  pointerUp(event) {
    if (event.pointerId === this.stick.pointer) this.dropStick();
    else if (event.pointerId === this.trigger.pointer) this.dropTrigger();
    else if (event.pointerType !== 'touch') this.mouseButtons(event);
  }

  mouseTo(event) {
    this.mouse.x = event.clientX;
    this.mouse.y = event.clientY;
    this.mouse.known = this.mouse.moved = true;
  }

  // A second button comes as a move, so the buttons are read from every event.
  mouseButtons(event) {
    this.mouse.fire = this.active && (event.buttons & 1) !== 0;
    this.mouse.thrust = this.active && (event.buttons & 2) !== 0;
  }

  setTouch(touch) {
    this.touch = touch;
  }

  // The stick appears where the thumb lands.
  grabStick(event) {
    this.stick.pointer = event.pointerId;
    this.stick.fromX = event.clientX;
    this.stick.fromY = event.clientY;
    this.stick.x = this.stick.y = 0;
    const { style } = this.pad.stick;
    style.left = `${event.clientX}px`;
    style.top = `${event.clientY}px`;
    style.bottom = 'auto';
    this.pad.stick.classList.add('held');
    this.showStick();
  }

  showStick() {
    const knob = this.pad.stick.firstElementChild;
    knob.style.transform = `translate(${this.stick.x * STICK_REACH_PX}px, ${this.stick.y * STICK_REACH_PX}px)`;
  }

  dropStick() {
    this.stick.pointer = null;
    this.stick.x = this.stick.y = 0;
    this.pad.stick.classList.remove('held');
    this.pad.stick.removeAttribute('style');
    this.showStick();
  }

  grabTrigger(event) {
    this.trigger.pointer = event.pointerId;
    this.pad.fire.classList.add('held');
  }

  dropTrigger() {
    this.trigger.pointer = null;
    this.pad.fire.classList.remove('held');
  }
}
