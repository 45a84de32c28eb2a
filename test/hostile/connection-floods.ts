// More connections than a proxy can carry, or than one host is entitled to: clients that connect, say the preface and stay,
// and those that come again as soon as they are turned away. The stage has a limit for each.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { CLIENT_PREFACE } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker } from './attacker.ts';
import type { Stage } from './stage.ts';
import { MOST_CONNECTIONS, MOST_OF_ADDRESS } from './stage-config.ts';

const OPENING = Buffer.concat([CLIENT_PREFACE, frames.settings()]);
/** Connections that are under way at the same time; the queue of the listening socket is not what is tried here. */
const WAVE = 100;
const CHURN_MS = 2000;
const MOST_SETTLING_MS = 30_000;

class Crowd {
  readonly sockets: Socket[] = [];
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get stayed(): number {
    return this.sockets.filter(({ closed }) => !closed).length;
  }

  /** Resolves when all of them are accepted or turned away: SETTINGS tell the one, the end the other. */
  async join(count: number, from: string): Promise<void> {
    for (let left = count; left > 0; left -= WAVE) {
      const wave = Array.from({ length: Math.min(WAVE, left) }, () => this.#connect(from));
      this.sockets.push(...wave);
      await eventually(
        'each is accepted or turned away',
        () => wave.every(({ closed, bytesRead }) => closed || bytesRead > 0),
        MOST_SETTLING_MS,
      );
    }
  }

  /** Comes again and again. @returns how often */
  async churn(from: string): Promise<number> {
    const untilMs = performance.now() + CHURN_MS;
    let times = 0;
    while (performance.now() < untilMs) {
      await this.join(WAVE, from);
      this.sockets.splice(-WAVE);
      times += WAVE;
    }
    return times;
  }

  #connect(localAddress: string): Socket {
    const socket = connect({ host: '127.0.0.1', port: this.#stage.port('clear'), localAddress });
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(OPENING);
    return socket;
  }

  leave(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

/** Served, from an address that nobody has used. */
async function wantServed(stage: Stage): Promise<void> {
  const client = await Attacker.open(stage, { from: stage.newSource() });
  await client.wantAlive();
  client.leave();
}

const fromOneAddress: Attack = {
  id: '1e',
  name: 'Connection flood from one address, which comes again when it is turned away',
  rule: 'limits.connectionsPerAddress: too_many_connections_of_address',
  isShort: true,
  async mount(stage) {
    const from = stage.newSource();
    const crowd = new Crowd(stage);
    try {
      await crowd.join(2 * MOST_OF_ADDRESS, from);
      assert.equal(crowd.stayed, MOST_OF_ADDRESS);
      await wantServed(stage);
      const times = await crowd.churn(from);
      await stage.wantOneLine(from, 'too_many_connections_of_address');
      await wantServed(stage);
      return `${MOST_OF_ADDRESS} connections, ${times} turned away in ${CHURN_MS / 1000} s`;
    } finally {
      crowd.leave();
    }
  },
};

const fromMany: Attack = {
  id: '1e',
  name: 'Connection flood from many addresses',
  rule: 'limits.connections: too_many_connections',
  async mount(stage) {
    const early = await Attacker.open(stage, { from: stage.newSource() });
    const crowd = new Crowd(stage);
    try {
      const hosts = Math.ceil(MOST_CONNECTIONS / MOST_OF_ADDRESS);
      for (let host = 0; host < hosts; host++) await crowd.join(MOST_OF_ADDRESS, stage.newSource());
      // The early one and the bystander are there as well.
      assert.ok(
        crowd.stayed > MOST_CONNECTIONS - 10 && crowd.stayed <= MOST_CONNECTIONS - 2,
        `${crowd.stayed}`,
      );
      const from = stage.newSource();
      const { stayed } = crowd;
      await crowd.join(1, from);
      assert.equal(crowd.stayed, stayed, 'the one too many is turned away');
      await stage.wantOneLine(from, 'too_many_connections');
      await early.wantAlive();
      crowd.leave();
      await eventually('others are served again', () =>
        wantServed(stage).then(
          () => true,
          () => false,
        ),
      );
      return `${stayed} connections, the next turned away`;
    } finally {
      crowd.leave();
      early.leave();
    }
  },
};

export const connectionFloods: readonly Attack[] = [fromOneAddress, fromMany];
