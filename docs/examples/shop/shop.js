// Products found by a photo open in this shop. A shop whose catalog has links (the column `link`)
// does not need this: the search then knows where its products are.
addEventListener("visualsearch:select", (event) => {
  event.preventDefault();
  location.assign(`/products/${encodeURIComponent(event.detail.sku)}/`);
});
