void f() { std::thread t; }
