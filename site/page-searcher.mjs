// Takes the place of Rspress's own searcher (logic/search.js of its theme), which indexes every part of every word in the browser: that
// takes seconds, and finds RST_STREAM nowhere. The pages come from the same search index.

import { getSearchIndexURL } from '@rspress/core/dist/theme/components/Search/logic/providers/LocalProvider.js';
import { SEARCH_GROUP, searchPages } from '../scripts/site/page-search.ts';

export class PageSearcher {
  #options;
  #pages;

  constructor(options) {
    this.#options = options;
  }

  async init() {
    await this.fetchSearchIndex();
  }

  fetchSearchIndex() {
    this.#pages ??= this.#fetch();
    return this.#pages;
  }

  async #fetch() {
    const { currentLang, currentVersion } = this.#options;
    const response = await fetch(getSearchIndexURL(currentLang, currentVersion));
    if (!response.ok) throw new Error(`the search index was answered with ${response.status}`);
    return response.json();
  }

  async match(query) {
    const result = searchPages(await this.fetchSearchIndex(), query);
    return [{ group: SEARCH_GROUP, renderType: 'default', result }];
  }
}
