// A few sounds made from noise and tones. Silent until the player asks: browsers want a gesture, people want quiet.

const REACH_UNITS = 70;
const AT_ONCE_MAX = 14;

// kind: noise or tone; Hz from and to, seconds, loudness
const SOUNDS = {
  shot: ['square', 760, 190, 0.09, 0.05],
  tick: ['noise', 4200, 1600, 0.05, 0.06],
  hit: ['noise', 2600, 700, 0.1, 0.1],
  hurt: ['noise', 1400, 220, 0.22, 0.3],
  crack: ['noise', 1700, 160, 0.32, 0.22],
  boom: ['noise', 1100, 45, 0.85, 0.5],
  warp: ['sine', 180, 900, 0.35, 0.12],
  gift: ['triangle', 520, 1250, 0.22, 0.16],
};

export class Sound {
  /** @param {{x: number, y: number}} ear where it is heard: the camera */
  constructor(ear) {
    this.ear = ear;
    this.context = null;
    this.playing = 0;
    this.on = false;
  }

  /** Turns it on or off; call it from a gesture. Tells which. */
  toggle() {
    this.on = !this.on;
    if (this.on) this.context ??= this.open();
    return this.on;
  }

  play(name, x, y) {
    if (!this.on || document.hidden || this.playing >= AT_ONCE_MAX) return;
    const near = 1 - Math.hypot(x - this.ear.x, y - this.ear.y) / REACH_UNITS;
    if (near <= 0) return;
    const [kind, from, to, span, loud] = SOUNDS[name];
    const { context } = this;
    const t = context.currentTime;
    const gain = context.createGain();
    gain.gain.setValueAtTime(loud * near, t);
    gain.gain.exponentialRampToValueAtTime(0.0008, t + span);
    const pan = context.createStereoPanner();
    pan.pan.value = Math.max(-0.8, Math.min(0.8, (x - this.ear.x) / REACH_UNITS));
    const source = kind === 'noise' ? this.hiss(from, to, span, gain) : this.tone(kind, from, to, span, gain);
    gain.connect(pan).connect(context.destination);
    this.playing += 1;
    source.onended = () => { this.playing -= 1; };
    source.start(t);
    source.stop(t + span);
  }

  tone(kind, from, to, span, out) {
    const source = this.context.createOscillator();
    source.type = kind;
    sweep(source.frequency, from, to, span, this.context);
    source.connect(out);
    return source;
  }

  hiss(from, to, span, out) {
    const source = this.context.createBufferSource();
    source.buffer = this.noise;
    source.loop = true;
    const filter = this.context.createBiquadFilter();
    filter.type = 'lowpass';
    sweep(filter.frequency, from, to, span, this.context);
    source.connect(filter).connect(out);
    return source;
  }

  open() {
    const context = new AudioContext();
    this.noise = context.createBuffer(1, context.sampleRate, context.sampleRate);
    const samples = this.noise.getChannelData(0);
    for (let i = 0; i < samples.length; i++) samples[i] = Math.random() * 2 - 1;
    return context;
  }
}

function sweep(parameter, from, to, span, context) {
  parameter.setValueAtTime(from, context.currentTime);
  parameter.exponentialRampToValueAtTime(to, context.currentTime + span);
}
