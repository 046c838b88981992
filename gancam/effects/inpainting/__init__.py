"""What inpainting is made of beside the network: holes, background, light, texture, defects."""
