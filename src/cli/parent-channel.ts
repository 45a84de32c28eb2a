// The channel of a command to the process of Framegate that has started it. Such commands are not for people, and have no options or help.

import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { ignoreSignals } from './signals.ts';

export class ParentChannel {
  /** Resolves when the channel has taken the last message, or the parent is gone. */
  sent: Promise<void> = Promise.resolve();

  /**
   * The parent handles signals, but a terminal sends them to all processes of the group: from now on they are ignored. So this must come
   * before the modules of the command are loaded, which takes a while.
   * What packages print is dropped as well: a client library may quote its server.
   * @param name of the command. @param who starts it, as the beginning of a sentence
   * @returns undefined if a person has started it, who is then told so
   */
  static open(name: string, who: string): ParentChannel | undefined {
    if (process.send === undefined) {
      process.stderr.write(`framegate ${name}: ${who} itself; there is nothing to do here\n`);
      return undefined;
    }
    ignoreSignals();
    globalThis.console = new Console(new Nowhere());
    return new ParentChannel();
  }

  /**
   * Sends a message to the parent. If the parent is gone, the message is dropped; the event 'disconnect' reports that.
   * @param onSent is called once the channel has taken it, or never if the parent is gone
   */
  readonly send = (message: unknown, onSent?: () => void): void => {
    this.sent = new Promise((resolve) => {
      const taken = (): void => {
        resolve();
        onSent?.();
      };
      if (process.connected) process.send?.(message, undefined, undefined, taken);
      else resolve();
    });
  };
}

class Nowhere extends Writable {
  override _write(_chunk: unknown, _encoding: string, written: () => void): void {
    written();
  }
}
