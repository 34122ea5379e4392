// Search shows excerpts by fetching pages, which a browser refuses for file:// addresses. The hits
// themselves come from searchindex.js; without this each of them would be an error in the console.
if (location.protocol === "file:") window.fetch = () => Promise.resolve(new Response(""));
