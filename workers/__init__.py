"""What waits, retries and runs long: the stages of a round, the serving of its result, and the watch over both."""
