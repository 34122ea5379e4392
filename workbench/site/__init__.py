"""The project's own Markdown as a static site: `pages` -> `staging` -> `build`.

`navigation` says what stands where, `targetpages`, `ledgers`, `articles` and `listings` write the
pages that no file of the repository is, `extension` is what Sphinx does not do by itself, `links`
reads what came out.
"""
