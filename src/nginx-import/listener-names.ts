// The names of the listeners of the output. Routes, metrics and the log have them, so that a listener can be tried at another address.

const USUAL_PORTS = { https: 443, http: 80 } as const;

export class ListenerNames {
  /** By name, the last number that was put behind it. */
  readonly #given = new Map<string, number>();

  /** @returns 'https' for TLS on port 443, 'http-8080' for plaintext on another one; with a number behind it if another listener has that name */
  of(address: string, isTls: boolean): string {
    const protocol = isTls ? 'https' : 'http';
    const port = /:(\d+)$/.exec(address)?.[1];
    const place = port === undefined ? '-unix' : `-${port}`;
    const name = Number(port) === USUAL_PORTS[protocol] ? protocol : `${protocol}${place}`;
    let number = this.#given.get(name) ?? 0;
    let free = name;
    for (; this.#given.has(free); free = `${name}-${number}`) number = Math.max(number + 1, 2);
    this.#given.set(name, number);
    if (free !== name) this.#given.set(free, 0);
    return free;
  }
}
