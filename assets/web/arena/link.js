// A bad connection within the page: what goes through its sockets comes late, and in order, as on TCP.

/** How bad, in milliseconds and percent. */
export class Link {
  latency = 0;
  jitter = 0;
  stalls = 0;
  stallLength = 200;

  /** For one message in one direction: half of the round trip each. */
  delay() {
    const stall = Math.random() * 100 < this.stalls ? this.stallLength : 0;
    return Math.max(0, this.latency / 2 + gauss() * this.jitter * Math.SQRT1_2) + stall;
  }
}

/** A WebSocket, as far as the SDK uses one, whose messages go over `link` both ways. */
export function socketsOver(link) {
  return class {
    constructor(url, protocol) {
      const inner = this.inner = new WebSocket(url, protocol);
      inner.binaryType = 'arraybuffer';
      this.up = new Lane(link, bytes => inner.readyState === WebSocket.OPEN && inner.send(bytes));
      this.down = new Lane(link, tell => tell());
      inner.onopen = () => this.down.push(() => this.onopen?.());
      inner.onmessage = message => this.down.push(() => this.onmessage?.(message));
      inner.onclose = close => this.down.push(() => this.onclose?.(close));
    }

    get readyState() { return this.inner.readyState; }

    send(bytes) { this.up.push(bytes); }

    close() {
      this.up.end();
      this.down.end();
      this.inner.close();
    }
  };
}

/** One direction. */
class Lane {
  constructor(link, deliver) {
    this.link = link;
    this.deliver = deliver;
    this.waiting = [];
    this.last = 0;
  }

  push(item) {
    const now = performance.now();
    // nothing overtakes what was sent before it
    this.last = Math.max(this.last, now + this.link.delay());
    this.waiting.push({ item, due: this.last });
    if (this.waiting.length === 1) this.pass();
  }

  pass() {
    clearTimeout(this.timer);
    const now = performance.now();
    while (this.waiting.length > 0 && this.waiting[0].due <= now) this.deliver(this.waiting.shift().item);
    if (this.waiting.length > 0) this.timer = setTimeout(() => this.pass(), Math.ceil(this.waiting[0].due - now));
  }

  /** All that was sent is on its way already. */
  end() {
    clearTimeout(this.timer);
    for (const { item } of this.waiting.splice(0)) this.deliver(item);
  }
}

// Box and Muller
function gauss() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}
