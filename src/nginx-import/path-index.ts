// Finds path patterns of Framegate by the paths that they match, without going through all of them: a configuration may have tens of
// thousands of locations.

export class PathIndex<Value> {
  /** By the text before the star of a prefix. */
  readonly #prefixes = new Map<string, Value[]>();
  readonly #exact = new Map<string, Value[]>();
  /** The texts of all patterns without their stars, sorted once they are asked for. */
  #sorted: readonly { readonly text: string; readonly value: Value }[] | undefined;

  /** @param pattern an exact path, or a prefix that ends in a star */
  add(pattern: string, value: Value): void {
    const [map, text] = pattern.endsWith('*')
      ? ([this.#prefixes, pattern.slice(0, -1)] as const)
      : ([this.#exact, pattern] as const);
    const known = map.get(text);
    if (known === undefined) map.set(text, [value]);
    else known.push(value);
    this.#sorted = undefined;
  }

  /** @returns those whose pattern matches all that another pattern matches; those of the longest pattern last */
  covering(pattern: string): readonly Value[] {
    const isExact = !pattern.endsWith('*');
    const text = isExact ? pattern : pattern.slice(0, -1);
    const found: Value[] = [];
    for (let length = 0; length <= text.length; length++)
      for (const value of this.#prefixes.get(text.slice(0, length)) ?? []) found.push(value);
    if (isExact) for (const value of this.#exact.get(text) ?? []) found.push(value);
    return found;
  }

  /** @returns those whose pattern matches nothing but what another pattern matches */
  covered(pattern: string): readonly Value[] {
    if (!pattern.endsWith('*')) return this.#exact.get(pattern) ?? [];
    const text = pattern.slice(0, -1);
    this.#sorted ??= [...this.#prefixes, ...this.#exact]
      .flatMap(([each, values]) => values.map((value) => ({ text: each, value })))
      .toSorted((one, other) => (one.text < other.text ? -1 : Number(one.text > other.text)));
    const sorted = this.#sorted;
    const found: Value[] = [];
    for (let index = firstAtLeast(sorted, text); index < sorted.length; index++) {
      if (!sorted[index].text.startsWith(text)) break;
      found.push(sorted[index].value);
    }
    return found;
  }
}

function firstAtLeast(sorted: readonly { readonly text: string }[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle].text < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
