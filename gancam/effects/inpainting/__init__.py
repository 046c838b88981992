"""Parts of inpainting beside the network: holes, background, light, texture, defects."""
