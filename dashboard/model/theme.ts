// Light or dark: as the system says, unless the user has chosen.

export const THEME_CHOICES = ['auto', 'light', 'dark'] as const;
export type ThemeChoice = (typeof THEME_CHOICES)[number];
export type Theme = 'light' | 'dark';

const KEY = 'framegate.theme';

export class ThemeSetting {
  readonly #prefersDark = matchMedia('(prefers-color-scheme: dark)');
  readonly #onChange: () => void;
  choice: ThemeChoice;

  /** @param onChange called after each change, but not at first */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
    const kept = localStorage.getItem(KEY);
    this.choice = THEME_CHOICES.find((choice) => choice === kept) ?? 'auto';
    this.#prefersDark.addEventListener('change', () => this.#change());
    this.#apply();
  }

  get theme(): Theme {
    if (this.choice !== 'auto') return this.choice;
    return this.#prefersDark.matches ? 'dark' : 'light';
  }

  choose(choice: ThemeChoice): void {
    this.choice = choice;
    localStorage.setItem(KEY, choice);
    this.#change();
  }

  #change(): void {
    this.#apply();
    this.#onChange();
  }

  #apply(): void {
    document.documentElement.dataset['theme'] = this.theme;
  }
}
