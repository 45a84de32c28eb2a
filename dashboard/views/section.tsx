// A part of the page: a landmark with a heading, and what belongs beside the heading.

import type { ComponentChildren } from 'preact';

interface SectionProps {
  readonly id: string;
  readonly title: string;
  /** Behind the title, in small print. */
  readonly note?: ComponentChildren;
  /** Controls at the end of the line. */
  readonly controls?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Section({ id, title, note, controls, children }: SectionProps) {
  return (
    <section id={id} class="section" aria-labelledby={`${id}-title`}>
      <div class="section-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {note !== undefined && <p class="note">{note}</p>}
        {controls !== undefined && <div class="controls">{controls}</div>}
      </div>
      {children}
    </section>
  );
}
