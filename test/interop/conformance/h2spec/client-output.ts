// Reads what h2specd prints, which writes no report: titles of groups, a line for each case, and below a failed one why.

import type { SpecCase } from './junit-report.ts';

/** The failures are listed once more at the end; that is left out. */
export function readClientOutput(output: string): readonly SpecCase[] {
  const [run] = output.split(/^Failures:/m, 1);
  const cases: { name: string; outcome: SpecCase['outcome']; detail: string }[] = [];
  let section = '';
  for (const line of run.split(/[\r\n]+/).map((text) => text.trim())) {
    const title = /^(\d+(?:\.\d+)*)\. \S/.exec(line);
    const found = /^([✔×]) (\d+): (.*)$/.exec(line);
    const last = cases.at(-1);
    if (title !== null) section = title[1];
    else if (found !== null) {
      const outcome = found[1] === '✔' ? 'passed' : 'failed';
      cases.push({ name: `${section}/${found[2]}: ${found[3]}`, outcome, detail: '' });
    } else if (last !== undefined && line !== '') last.detail += `${last.detail === '' ? '' : '\n'}${line}`;
  }
  return cases;
}
