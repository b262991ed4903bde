// Starts Redoc. A file of its own, since the page's policy allows no script inside it. The fonts are the reader's own:
// Redoc's would come from elsewhere.
const fonts = { sans: "system-ui, sans-serif", code: "ui-monospace, monospace" };

async function start() {
  const document_ = await (await fetch("openapi.json")).json();
  document.title = `${document_.info.title} - ReDoc`;
  const theme = {
    typography: {
      fontFamily: fonts.sans,
      headings: { fontFamily: fonts.sans },
      code: { fontFamily: fonts.code },
    },
  };
  const options = { theme, expandResponses: "200", jsonSamplesExpandLevel: 5, nativeScrollbars: true };
  Redoc.init(document_, options, document.getElementById("redoc"));
}

start();
