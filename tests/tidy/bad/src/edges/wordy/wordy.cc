// A long README.
