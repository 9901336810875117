// A service that fills masks and gives vectors: node service.mjs RUN PORT. The model is loaded once, and closed with the server.
import { createServer } from "node:http";
import { openModel, UserError } from "cramming";

const [run, port = "8080"] = process.argv.slice(2);
const mostCharacters = 100_000;
const model = await openModel(run);
const routes = { "/fill": texts => model.fill(texts, { top: 3 }), "/embed": texts => model.embed(texts) };

async function readTexts(request) {
  let body = "";
  for await (const piece of request) {
    body += piece;
    if (body.length > mostCharacters) throw new RangeError("the request is too long");
  }
  const { texts } = JSON.parse(body);
  if (!Array.isArray(texts) || texts.some(text => typeof text !== "string"))
    throw new TypeError("texts is a list of texts");
  return texts;
}

const server = createServer(async (request, response) => {
  const send = (status, answer) =>
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
  const route = request.method === "POST" && Object.hasOwn(routes, request.url) ? routes[request.url] : undefined;
  if (route === undefined) return send(404, { error: "POST /fill or /embed" });
  try {
    send(200, await route(await readTexts(request)));
  } catch (error) {
    const isTheirs =
      error instanceof UserError ||
      error instanceof SyntaxError ||
      error instanceof RangeError ||
      error instanceof TypeError;
    send(isTheirs ? 400 : 500, { error: isTheirs ? error.message : "this is a mistake of the service" });
  }
});
server.listen(Number(port), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
process.once("SIGTERM", () => server.close(() => model.close()));
