// @ts-check
/** Making photos smaller before they travel: a phone's has twelve megapixels, search needs one. */

const LONGEST_SIDE = 1024; // pixels
const SMALL_ENOUGH = 600_000; // bytes

/**
 * The photo, upright and no larger than search needs. What this browser can't read goes as it is:
 * the server says what is wrong with it, or knows better.
 * @param {File} photo
 * @returns {Promise<Blob>}
 */
export async function shrunk(photo) {
  const upright = createImageBitmap(photo, { imageOrientation: "from-image" });
  const bitmap = await upright.catch(() => null);
  if (!bitmap) return photo;
  const scale = LONGEST_SIDE / Math.max(bitmap.width, bitmap.height);
  const isLarge = scale < 1 || photo.size > SMALL_ENOUGH;
  const small = isLarge ? await drawn(bitmap, Math.min(scale, 1)) : null;
  bitmap.close();
  return small && small.size < photo.size ? small : photo;
}

/** @returns {Promise<Blob | null>} */
function drawn(/** @type {ImageBitmap} */ bitmap, /** @type {number} */ scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  if (!context) return Promise.resolve(null);
  context.fillStyle = "white"; // where a picture is transparent, as the server takes it
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}
