// Search shows excerpts by fetching pages, which a browser refuses for file:// addresses. There the
// texts of all pages come as a script, once something was found.
if (location.protocol === "file:") {
  let loading;
  const texts = () =>
    (loading ??= new Promise((done) => {
      const script = document.createElement("script");
      script.src = `${document.documentElement.dataset.content_root}_static/texts.js`;
      script.onload = () => done(PAGE_TEXTS);
      document.head.append(script);
    }));
  window.fetch = async (address) => {
    const page = address.replace(/^\.\//, "").replace(/\.html$/, "");
    const main = document.createElement("div");
    main.setAttribute("role", "main");
    main.textContent = (await texts())[page] ?? "";
    return new Response(main.outerHTML);
  };
}
