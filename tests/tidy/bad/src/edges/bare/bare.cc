// No README.
