// Reads the JUnit file that h2spec writes. It is no XML parser: h2spec puts the text of failures in unescaped.

export interface SpecCase {
  /** `http2/5.3.1: Sends HEADERS frame that depend on itself`. */
  readonly name: string;
  readonly outcome: 'passed' | 'skipped' | 'failed';
  /** What h2spec expected, and on the last line what it saw. */
  readonly detail: string;
}

const CASE = /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g;

export function readJunitReport(text: string): readonly SpecCase[] {
  return Array.from(text.matchAll(CASE), ([, group, description, inner]) => {
    const name = `${decode(group)}: ${decode(description)}`;
    if (inner.includes('<skipped>')) return { name, outcome: 'skipped', detail: '' };
    const problem = /<(?:failure|error)>([\s\S]*)<\/(?:failure|error)>/.exec(inner);
    return problem === null
      ? { name, outcome: 'passed', detail: '' }
      : { name, outcome: 'failed', detail: problem[1].trim() };
  });
}

function decode(text: string): string {
  return text
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll(/&#x([0-9a-f]+);/gi, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}
