"""What is wrong with a set-up, and the line that mends it. Looks only; changes nothing."""
