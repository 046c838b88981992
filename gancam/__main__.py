from gancam.cli.main import main

main()
