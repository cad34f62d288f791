// Searches with a photo, then asks again for the cheapest: `node search.js photo.jpg [address]`.
// Needs Node 18 or newer, and a visualsearch at that address, else on this machine.

async function main([photo, server = "http://127.0.0.1:8000"]) {
  const { readFile } = await import("node:fs/promises");
  const form = new FormData();
  form.set("file", new Blob([await readFile(photo)]), "photo.jpg");
  form.set("threshold", "0.5");
  const response = await fetch(`${server}/api/search/`, { method: "POST", body: form });
  const answer = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer)); // `detail`, or sentences by field

  for (const { score, name, price, currency } of answer.results)
    console.log(`${Math.round(100 * score)}%  ${name}  ${price} ${currency}`);

  // The same photo with other options: its id will do for an hour.
  const options = { query: answer.query.id, threshold: "0.5", ordering: "price", limit: "1" };
  const again = await fetch(`${server}/api/search/?${new URLSearchParams(options)}`);
  const { count, results } = await again.json();
  for (const { name, url } of results) console.log(`The cheapest of ${count}: ${name}, ${url}`);
}

main(process.argv.slice(2));
