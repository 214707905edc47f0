int f() { return rand(); }
