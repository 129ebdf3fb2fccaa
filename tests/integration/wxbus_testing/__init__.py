"""What only tests need: Weixin's crypto a second time, and eyes on topics. Nothing here calls our C code."""
