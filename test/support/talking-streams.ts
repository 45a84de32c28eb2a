// Streams through a proxy that exchange messages as long as a test lasts, each on its own connection, so that every worker has
// some. Each stream notices if a single message is lost or duplicated.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { type CallOutcome, connectVoiceClient, type TestVoiceClient } from './voice-client.ts';

export interface TalkingOptions {
  readonly address: string;
  readonly ca?: string;
  readonly count: number;
}

export class TalkingStream {
  readonly client: TestVoiceClient;
  /** The number of messages that came back. */
  messages = 0;
  /** The status code. Undefined until the stream has ended. */
  code: number | undefined = undefined;
  readonly outcome: Promise<CallOutcome>;
  #isOver = false;

  constructor(client: TestVoiceClient) {
    this.client = client;
    this.outcome = this.#talk().then((outcome) => {
      this.code = outcome.code;
      return outcome;
    });
  }

  /** Half-closes after the current message. */
  finish(): void {
    this.#isOver = true;
  }

  async #talk(): Promise<CallOutcome> {
    const stream = this.client.streamAudio();
    for (let sequence = 1; !this.#isOver; sequence++) {
      stream.send({ sequence, audio: Buffer.from(`chunk ${sequence}`), returnAudio: true });
      const event = await stream.next();
      if (event === undefined) return stream.outcome;
      assert.deepEqual([event.sequence, event.audio.toString()], [sequence, `chunk ${sequence}`]);
      this.messages = sequence;
      // The pause leaves the CPU to the code under test.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    stream.finish();
    assert.equal(await stream.next(), undefined);
    return stream.outcome;
  }
}

/** Starts streams, and resolves when each has had an answer. */
export async function startTalking(
  t: TestContext,
  options: TalkingOptions,
): Promise<readonly TalkingStream[]> {
  const { address, ca, count } = options;
  const streams: TalkingStream[] = [];
  for (let index = 0; index < count; index++) {
    const client = connectVoiceClient(ca === undefined ? { address } : { address, ca });
    t.after(() => client.close());
    // Clients connect one after the other, as they do in practice.
    assert.equal((await client.say({ text: 'first' })).code, status.OK);
    streams.push(new TalkingStream(client));
  }
  return streams;
}

/** Asserts that all streams end with OK and that each has exchanged messages until the end. */
export async function wantGoodEnd(streams: readonly TalkingStream[]): Promise<void> {
  const before = streams.map(({ messages }) => messages);
  for (const stream of streams) stream.finish();
  for (const [index, stream] of streams.entries()) {
    const { code, details } = await stream.outcome;
    assert.equal(code, status.OK, details);
    assert.ok(stream.messages > 0 && stream.messages >= before[index]);
  }
}
