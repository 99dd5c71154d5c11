// A real browser sends an upload form and asks across origins: node form.mjs CHROMIUM, with the form's
// {action, fields, file, get} as JSON on standard input. Prints what the page saw as JSON.
import { chromium } from "playwright-core";

let input = "";
for await (const piece of process.stdin) input += piece;
const { action, fields, file, get, origin } = JSON.parse(input);
const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  const escape = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`);
  await page.setContent(`<form action="${escape(action)}" method="post" enctype="multipart/form-data">${inputs.join("")}
    <input type="file" name="file"><input type="submit" id="go"></form>`);
  await page.setInputFiles('input[type="file"]', { name: file.name, mimeType: file.type, buffer: Buffer.from(file.content) });
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === "POST"),
    page.click("#go"),
  ]);
  await page.waitForLoadState();
  const seen = { status: answer.status(), url: page.url() };
  // A page of another origin: the bucket's CORS rules decide what it may read.
  const other = await browser.newPage();
  await other.goto(origin);
  seen.fetched = await other.evaluate(async ({ url, method, headers, body }) => {
    try {
      const answer = await fetch(url, { method, headers, body });
      return { status: answer.status, etag: answer.headers.get("etag"), text: await answer.text() };
    } catch (error) {
      return { error: String(error) };
    }
  }, get);
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
