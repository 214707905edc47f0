void handle(int);
