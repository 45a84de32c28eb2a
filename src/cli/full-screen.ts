// A page of text on a screen of its own of the terminal, which is drawn over and over again. The usual screen comes back, with nothing changed
// on it, when the command ends or is suspended.

import type { PatientOutput } from './patient-output.ts';

/** The other screen, and no cursor. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const TO_START = '\u001b[H';
const CLEAR_LINE_END = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

export interface ScreenSize {
  readonly rows: number;
  readonly columns: number;
}

export class FullScreen {
  readonly #terminal: NodeJS.WriteStream;
  readonly #output: PatientOutput;
  readonly #redraw: () => void;
  readonly #suspend = (): void => this.#suspended();
  readonly #resume = (): void => this.#resumed();

  /** @param redraw is called when the page must be shown again at once, since the size has changed or the command goes on */
  constructor(terminal: NodeJS.WriteStream, output: PatientOutput, redraw: () => void) {
    this.#terminal = terminal;
    this.#output = output;
    this.#redraw = redraw;
  }

  get size(): ScreenSize {
    return { rows: this.#terminal.rows, columns: this.#terminal.columns };
  }

  enter(): void {
    this.#terminal.write(ENTER);
    this.#terminal.on('resize', this.#redraw);
    process.on('SIGTSTP', this.#suspend).on('SIGCONT', this.#resume);
  }

  leave(): void {
    this.#terminal.off('resize', this.#redraw);
    process.off('SIGTSTP', this.#suspend).off('SIGCONT', this.#resume);
    this.#terminal.write(LEAVE);
  }

  /**
   * Draws over the last page, so that nothing flickers.
   * @param lines none is longer than the screen is wide. @returns undefined, or a promise while the terminal takes no more
   */
  show(lines: readonly string[]): Promise<void> | undefined {
    const text = lines.map((line) => `${line}${CLEAR_LINE_END}`).join('\n');
    return this.#output.write(`${TO_START}${text}${CLEAR_BELOW}`);
  }

  /** Ctrl-Z. A signal that is handled does not stop the process, so this does. */
  #suspended(): void {
    this.#terminal.write(LEAVE, () => process.kill(process.pid, 'SIGSTOP'));
  }

  #resumed(): void {
    this.#terminal.write(ENTER);
    this.#redraw();
  }
}
