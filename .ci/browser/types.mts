// What a page in TypeScript writes: checked by tsc, never run.

import { connect, JoinError, seated, type Entity, type Room } from '../../assets/web/tickwire/index.js';

const room: Room = await connect('/ws', { game: 'arena', onState: (state, reason) => console.log(state, reason) });
await connect('/ws', { game: 'arena', resume: !seated('/ws', 'arena'), WebSocket, onState: (state, _, of) => state === 'resuming' && console.log(of.attempt, of.retryAt - performance.now()) });
export const late: boolean = room.stats.margin < 0 && room.stats.corrections > 0;
const stop = room.onSpawn('Ship', (ship: Entity) => console.log(ship.x, ship.id));
stop();
room.onChange((entity, fields) => console.log(entity.kind, fields.includes('hp')));
export const x: Float32Array = room.columns('Ship').x;
export const left: boolean = room.input({ thrust: true, turn: -1, go: [1, 2] });
export const failed = (error: unknown) => error instanceof JoinError && error.state === 'refused';
// @ts-expect-error a state that is none
export const lost = room.state === 'lost';
// @ts-expect-error a game has a name
await connect('/ws', {});
